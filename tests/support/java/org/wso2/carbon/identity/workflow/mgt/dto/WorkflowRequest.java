package org.wso2.carbon.identity.workflow.mgt.dto;

import java.io.Serializable;
import java.util.List;
import org.wso2.carbon.identity.workflow.mgt.bean.RequestParameter;

/** Stand-in with the serialized form of the server's class: name, version and fields, nothing else. */
public class WorkflowRequest implements Serializable {
    private static final long serialVersionUID = 578401681187017212L;

    public String uuid;
    public String eventType;
    public int tenantId;
    public List<RequestParameter> requestParameters;
}
